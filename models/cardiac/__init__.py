"""Heart and circulation: left ventricle, windkessel, assist pump."""
