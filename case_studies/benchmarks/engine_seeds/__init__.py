"""The identification of Nath et al. 2023 and 2024 by networks of time, beside collocation and the direct posterior.

``python -m twin.case_studies.benchmarks.engine_seeds [--quick] [--json]``

Formulations: Nath, Meng, Smith, Karniadakis 2023, DOI 10.1038/s41598-023-39989-4; Nath, Kumar, Smith, Karniadakis
2024, arXiv 2412.11967. Sizes, rates and numbers of epochs are chosen here.
"""
