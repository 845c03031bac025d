"""Measured data sets of heart and circulation."""

from twin.data_set import DataSet

WINDKESSEL_ID = "GitHub repository hpigot/windkessel-id, commit d7cdc0f51bc77ac2070c0e0ff7ad053ab2cd283c, "
WINDKESSEL_LICENCE = "MIT, (c) 2021 hpigot"
PIGOT = "H. Pigot et al., Identification of cardiac afterload dynamics from data, IFAC-PapersOnLine (2021)"
STERGIOPULOS = "Stergiopulos, Westerhof, Westerhof 1999, doi:10.1152/ajpheart.1999.276.1.H81, Fig. 4A"
WFDB = "GitHub repository MIT-LCP/wfdb-python, commit 6850ad1aa0c1fcb2282b3625f767de98396cf740, sample-data/"
WFDB_LICENCE = "MIT, (c) 2016 MIT LCP, for the distributing repository; the records are PhysioNet's open data"
PHYSIONET = "Goldberger et al. 2000, Circulation 101, e215; MIMIC waveform database, PhysioNet"


def _waveform(
    name: str, file: str, title: str, rows: int, columns: str, record: str, made: str, sha256: str
) -> DataSet:
    return DataSet(
        name=name,
        file=f"cardiac/{file}",
        title=title,
        rows=rows,
        columns=columns,
        licence=WFDB_LICENCE,
        citation=PHYSIONET,
        origin=f"{WFDB}{record}",
        made=made,
        sha256=sha256,
    )


CARDIAC: tuple[DataSet, ...] = (
    DataSet(
        name="aortic_human",
        file="cardiac/aortic_pressure_flow_human_1999.csv",
        title="Aortic pressure and flow of one human beat, digitised from a figure",
        rows=166,
        columns="time_s, P_ao_mmHg, Q_ao_mL_s",
        licence=f"{WINDKESSEL_LICENCE} (the file; the figure is the journal's)",
        citation=f"{PIGOT}; {STERGIOPULOS}",
        origin=f"{WINDKESSEL_ID}stergiopulos1999_data/",
        made="flow interpolated to the pressure's times, every 5 ms",
        sha256="85b18f516ff8d52cab1cc506039cde57299628aa13001e4539a0e2437e380fee",
    ),
    DataSet(
        name="aortic_pig",
        file="cardiac/aortic_pressure_flow_pig.csv",
        title="Aortic pressure and flow of a 70 kg pig, 4 segments in vivo and 4 of the heart ex vivo, 200 Hz",
        rows=5365,
        columns="preparation, segment, time_s, P_ao_mmHg, Q_ao_mL_s",
        licence=WINDKESSEL_LICENCE,
        citation=PIGOT,
        origin=f"{WINDKESSEL_ID}invivo_data/ and exvivo_data/",
        made="the segments one below the other, pressure and flow paired by index",
        sha256="47579afbb8204462fa2441f8fde41bef7f8c15ed0b27e83b8d84a133cb22cbd4",
    ),
    _waveform(
        "icu_3975656",
        "icu_abp_3975656.csv",
        "Intensive care: 96 s of arterial pressure and ECG, 125 Hz, 8 bit",
        12000,
        "time_s, ABP_mmHg, ECG_II_mV",
        "multi-segment/s00001/3975656_0013",
        "seconds 24 to 120 of the record, behind a zero and a flush",
        "caca5bb4ae4f78b86ed08d75c97cee4351acffcb5abe0ef78ceba6a8a41f1acf",
    ),
    _waveform(
        "icu_mixedsignals",
        "icu_abp_ppg_mixedsignals.csv.gz",
        "Intensive care: 230 s of arterial pressure, plethysmogram and ECG, 125 Hz, with ectopic beats",
        28288,
        "time_s, ABP_mmHg, PPG_nu, ECG_II_mV",
        "mixedsignals",
        "pressure, plethysmogram and ECG lead II on one clock",
        "5f68af058a667dd3de659c7e8f835092f11e5061a4088f44254c4a88cb8c82e5",
    ),
    _waveform(
        "icu_041s",
        "icu_abp_pap_041s.csv",
        "Intensive care: 2 x 8 s of systemic and pulmonary arterial pressure, 125 Hz",
        2000,
        "segment, time_s, ABP_mmHg, PAP_mmHg, PPG_mV, ECG_III_mV",
        "multi-segment/041s",
        "two segments of the record one below the other",
        "ea5cf23eb16ef2182db01850ee95573331f138e6b5847084ddd3ecccfac67d9e",
    ),
    _waveform(
        "icu_03700181",
        "icu_abp_03700181_lowpressure.csv.gz",
        "Intensive care: 10 min of low arterial pressure of doubtful scale, 62.5 Hz, drift and artefacts",
        37500,
        "time_s, ABP_mmHg",
        "03700181",
        "the record's arterial pressure, 62.5 samples a second",
        "54d8991de5e287f45ed4120a09547294b0df0e6fb03e9a1e53a7527fcbe58e60",
    ),
    DataSet(
        name="heart_failure_ef",
        file="cardiac/heart_failure_ef.csv",
        title="Ejection fraction, age and sex of 299 patients with heart failure",
        rows=299,
        columns="age_years, sex_male, ejection_fraction_pct, high_blood_pressure, anaemia, diabetes, smoking, "
        "serum_creatinine, serum_sodium, follow_up_days, death_event",
        licence="CC BY 4.0",
        citation="Chicco, Jurman 2020, doi:10.1186/s12911-020-1023-5; Ahmad et al. 2017, PLoS ONE 12, e0181001",
        origin="GitHub repository aniketwattamwar/Genie, commit f2c7c8424383c5e400d0cd91eec29e0adbe2cf3e, "
        "heart_failure_clinical_records_dataset.csv",
        made="columns renamed, in this order",
        sha256="bede8e9467aaa88baff89d5754581cac16e542b4f6764bec4eb5ecd6e8d63cd0",
    ),
)
