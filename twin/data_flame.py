"""Measured data sets of laminar flames."""

from twin.data_set import DataSet

PYKED = "GitHub repository pr-omethe-us/PyKED, commit 38749003630aa0890ce59d3819dbc8a729379afe, "
PYKED += "tests/data/respecth/laminar-burning-velocity/"
GRENKIN = "GitHub repository grenkin/flame-speed, commit 8864e62a9c48eaa313dcb887a3c4efff26a67465, examples/; "
GRENKIN += "repository ansys/pychemkin, commit 651a6af79bd52190d99eaac90f2666afb94f52cb, "
GRENKIN += "examples/premixed_flame/methane_flamespeed_table.py; repository Cantera/cantera, commit "
GRENKIN += f"11a2381011cb6d42e61cc4c195e0f920864bf8d3, samples/python/onedim/flame_speed.py; {PYKED}"
RECORD = "phi, T_u [K], p [atm], S_L [cm/s], sigma [cm/s], "

FLAME: tuple[DataSet, ...] = (
    DataSet(
        name="burning_velocity",
        file="flame/burning_velocity.csv",
        title="Laminar burning velocities of methane, ethylene, propane, ammonia and ammonia/hydrogen in air",
        rows=168,
        columns="dataset, fuel, oxidiser, phi, x_fuel, S_L_m_s, u_reported_m_s, sigma_eval_m_s, T_u_K, p_Pa, method, "
        "reference, source",
        licence="MIT (flame-speed, pychemkin) and BSD-3-Clause (Cantera, PyKED), by row: column source",
        citation="the column reference; sets known by the author's name alone are a reading of that name",
        origin=GRENKIN,
        made="one table of all, in SI units",
        sha256="6067468e7a71b47f63b6a682cd0b81e9153fd9721b5ca2807cf1fadd36a6fb40",
    ),
    DataSet(
        name="mei2021_ammonia_hydrogen",
        file="flame/raw/x20100072.xml",
        title="Burning velocities of ammonia of which 40 % is cracked, spherical flames at 298 K and 1 atm",
        rows=8,
        columns=f"{RECORD}x_NH3, x_H2, x_O2, x_N2",
        licence="BSD-3-Clause (PyKED); ReSpecTh record DOI 10.24388/x20100072",
        citation="Mei, Zhang, Shi, Xi, Li 2021, Combust. Flame 231, 111472",
        origin=f"{PYKED}x20100072.xml",
        made="nothing: the record as it is",
        sha256="1c032b46e07a67578acfa9dee37033a20e19ab4301af9cea4f90338422862c13",
    ),
    DataSet(
        name="milton1984_methane",
        file="flame/raw/x20004235.xml",
        title="Burning velocities of stoichiometric methane in air at 435 K, 2 and 4 atm",
        rows=2,
        columns=f"{RECORD}x_CH4, x_O2, x_N2",
        licence="BSD-3-Clause (PyKED); ReSpecTh record DOI 10.24388/x20004235",
        citation="Milton, Keck 1984, Combust. Flame 58, 13, DOI 10.1016/0010-2180(84)90074-9",
        origin=f"{PYKED}x20004235.xml",
        made="nothing: the record as it is",
        sha256="e7463b16d669022d011021e6d9c0a9601c3350002ae1eb6b633b431d39fe5ac8",
    ),
)
