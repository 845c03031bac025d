"""Measured data sets of engines."""

from twin.data_set import DataSet

ADVISOR_LICENCE = "NREL ADVISOR licence: free use, change and redistribution with its notice, no use of the name"
ADVISOR = "GitHub repository sateesh12/impact-of-uc-on-li-ion, commit d8096cbac445497706b89db6d2b8f7cdd50efdad, "
ADVISOR += "advisor/data/fuel_converter/"
MAP_COLUMNS = (
    "n_e_rpm, torque_Nm, fuel_g_s, HC_g_s, CO_g_s, NOx_g_s, PM_g_s, T_exh_C, W_exh_g_s, torque_max_Nm, attainable, "
)
MAP_COLUMNS += "AFR_from_balance"


ENGINE: tuple[DataSet, ...] = (
    DataSet(
        name="td5_road_log",
        file="engine/td5_road_log.csv",
        title="Road log of a Land Rover Td5 turbo-diesel's control unit, 196 s at 0.7 s",
        rows=273,
        columns="time_s, n_e_rpm, vehicle_speed_km_h, p_amb_kPa, p_im_kPa, W_air_kg_h, fuel_mg_stroke, "
        "driver_demand_mg_stroke, torque_limit_mg_stroke, smoke_limit_mg_stroke, idle_demand_mg_stroke, "
        "air_maf_mg_stroke, air_map_mg_stroke, ecu_af_ratio, pedal_pct, T_coolant_C, T_inlet_C, "
        "T_fuel_C, U_batt_V, fuel_g_s_derived",
        licence="Apache-2.0",
        citation="hairyone, TD5Tester, sample log",
        origin="GitHub repository hairyone/TD5Tester, commit cc79c5e9f447604f9b01f59280d0e4a67596fa95, "
        "docs/sample-logs/td5tester.csv",
        made="columns named with their units, fuel flow derived",
        sha256="63b854a05a9cf64433770c2cc82b01f79290e63af90f825e6bc0a40984370ea3",
    ),
    DataSet(
        name="vw_tdi_map",
        file="engine/vw_1p9_tdi_steady_map.csv",
        title="VW 1.9 TDI, steady states on a test bench: fuel, emissions, exhaust",
        rows=1258,
        columns=MAP_COLUMNS,
        licence=ADVISOR_LICENCE,
        citation="S. Sluder, Oak Ridge National Laboratory; NREL ADVISOR, FC_CI67_emis",
        origin=f"{ADVISOR}FC_CI67_emis.m",
        made="the file's grid as a table; air-fuel ratio from the balance of exhaust and fuel",
        sha256="dd91b4f66cb43c1be86b2d115af7f0a6c36f95a1a8fc2900defc0277d98511d5",
    ),
    DataSet(
        name="mercedes_cdi_map",
        file="engine/mercedes_1p7_cdi_steady_map.csv",
        title="Mercedes 1.7 CDI, steady states on a test bench, from 109 measured points",
        rows=868,
        columns=MAP_COLUMNS,
        licence=ADVISOR_LICENCE,
        citation="Oak Ridge National Laboratory; NREL ADVISOR, FC_CI60_emis",
        origin=f"{ADVISOR}FC_CI60_emis.m",
        made="the file's grid as a table; air-fuel ratio from the balance of exhaust and fuel",
        sha256="b4e3d43062768b5cd47112078691e1a1120c094163e182eb5863ea4f8e9989a9",
    ),
)
