"""Measured data sets of lithium-ion cells."""

from twin.data_set import DataSet

LGM50 = "GitHub repository WDWidanage/Simscape-Battery-Library, commit a3842b91b3ccda006bc9be5d59c8bcbd167ceef7, "
LGM50_FOLDER = LGM50 + "Examples/parameterEstimation_TECMD/Data/"
LGM50_LICENCE = "MIT, (c) 2021 Dhammika Widanage"
LGM50_CITATION = (
    "D. Widanage, Simscape Battery Library (2021); the cell: Chen et al. 2020, doi:10.1149/1945-7111/ab9050"
)
PYBAMM = "GitHub repository pybamm-team/PyBaMM, commit 7c9f5bd81d1187aa1edc4d33636cd002c661901b, "
NASA = "GitHub repository SYED-31/NASA_DATA_ANALYSIS_DEPLOY, commit bae88e9324e2078f286a311c3c6689bdbc8f4225, "
NASA_LICENCE = "work of the US Government (17 USC 105); NASA asks for acknowledgement"
NASA_CITATION = (
    "B. Saha, K. Goebel (2007), Battery Data Set, NASA Prognostics Data Repository, NASA Ames Research Center"
)


def _nasa_cell(cell: str, sha256: str) -> DataSet:
    return DataSet(
        name=f"nasa_{cell.lower()}",
        file=f"battery/nasa_{cell.lower()}_discharge.csv.gz",
        title=f"NASA PCoE ageing cell {cell}: 168 discharges of a 2 Ah 18650 cell at 24 °C",
        rows=50285,
        columns="cycle, time_s, current_A (positive on discharge), voltage_V, T_C",
        licence=NASA_LICENCE,
        citation=NASA_CITATION,
        origin=f"{NASA}metadata.csv and data/*.csv (conversion of NASA's {cell}.mat)",
        made="the cell's discharges one below the other, current with its sign changed",
        sha256=sha256,
    )


BATTERY: tuple[DataSet, ...] = (
    DataSet(
        name="lgm50_rate_discharge",
        file="battery/lgm50_rate_discharge.csv",
        title="LG M50 (5 Ah): 16 constant-current discharges, 4 temperatures x 4 rates, each with its rest",
        rows=6891,
        columns="T_amb_C, c_rate, time_s, current_A (positive on discharge), voltage_V, T_cell_mid_C, T_cell_pos_C, "
        "T_cell_neg_C, step",
        licence=LGM50_LICENCE,
        citation=LGM50_CITATION,
        origin=f"{LGM50_FOLDER}LGM50_5Ah_RateTest.mat",
        made="all rows of the first 60 s of a step, then about 300 a step; current with its sign changed",
        sha256="cc7e5800c9c81fe78e0844281a712719ace55248cca709972a223c0fd53cacaf",
    ),
    DataSet(
        name="lgm50_ocv",
        file="battery/lgm50_ocv_25C.csv",
        title="LG M50: mean open-circuit voltage and hysteresis over state of charge at 25 °C",
        rows=101,
        columns="soc, ocv_mean_V, hysteresis_V",
        licence=LGM50_LICENCE,
        citation=LGM50_CITATION,
        origin=f"{LGM50_FOLDER}LGM50_5Ah_OCV.mat",
        made="the curves computed by the source's authors, written as CSV",
        sha256="66818c4c8c9b9d222061f779efd46ab8c93389d81e7888e110f27b23665a3a88",
    ),
    DataSet(
        name="lgm50_pulses",
        file="battery/lgm50_pulses.csv.gz",
        title="LG M50: 10 s discharge pulses with relaxation, SoC 0.9 to 0.1, 4 temperatures, 24 cells",
        rows=24267,
        columns="T_amb_C, soc_nominal, cell, time_s, current_A (positive on discharge), voltage_V, T_log_C",
        licence=LGM50_LICENCE,
        citation=LGM50_CITATION,
        origin=f"{LGM50_FOLDER}LGM50_5Ah_Pulse.mat",
        made="all pulses one below the other, current with its sign changed",
        sha256="60ba1cb0d115c870012f2764419a2a4d324487cbecb0cbccbdd0b4037c9a2f4f",
    ),
    DataSet(
        name="half_cell_ocp",
        file="battery/half_cell_ocp.csv",
        title="Half-cell potentials of the LG M50's electrodes and of the Kokam cell's",
        rows=570,
        columns="source, electrode, stoichiometry, ocp_V",
        licence="BSD-3-Clause, (c) PyBaMM team",
        citation="Chen et al. 2020, doi:10.1149/1945-7111/ab9050; Ecker et al. 2015, doi:10.1149/2.0551509jes",
        origin=f"{PYBAMM}packages/pybamm/src/pybamm/input/parameters/lithium_ion/data/",
        made="the four tables one below the other",
        sha256="37b692453198fd088268c96b03e72fda23a792028b6c491f134f5e817321b379",
    ),
    _nasa_cell("B0005", "fac704476835568608dc56bb33644db0dde7241b1c42c1a6961d91707b51d6d9"),
    _nasa_cell("B0006", "ca2e1645570aa798ac5548823177acb046f6104ef9fa22f4e84db9a4746f061e"),
    _nasa_cell("B0007", "13a8440000c28a12a57b44eac983d40f28fb1476059c717e95e7417ebb281cb6"),
    DataSet(
        name="nasa_capacity",
        file="battery/nasa_pcoe_capacity.csv",
        title="NASA PCoE ageing cells: capacity of every discharge of 33 cells",
        rows=2662,
        columns="battery_id, cycle, test_id, start_time, T_amb_C, capacity_Ah",
        licence=NASA_LICENCE,
        citation=NASA_CITATION,
        origin=f"{NASA}metadata.csv",
        made="the discharges' rows; 25 capacities are missing and 19 are zero in the source",
        sha256="b90661f53fb1e8f2c765994eaf303a8c1cf6fd521779095b08fd832c78a70109",
    ),
    DataSet(
        name="nasa_impedance",
        file="battery/nasa_pcoe_impedance.csv",
        title="NASA PCoE ageing cells: electrolyte and charge-transfer resistance from impedance spectra",
        rows=1903,
        columns="battery_id, test_id, start_time, T_amb_C, Re_ohm, Rct_ohm",
        licence=NASA_LICENCE,
        citation=NASA_CITATION,
        origin=f"{NASA}metadata.csv",
        made="the impedance tests' rows",
        sha256="68db08403fe401ea069f05a478fd9c093c996e52ad33e7fa45a2ea3ad534cc8b",
    ),
)
