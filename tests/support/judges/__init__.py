"""Judges of what is declared that nobody here wrote: the clouds' own published models.

A folder a cloud, with the same files and names in each: `inputs.judge(resources)` judges what a plan
declares, `twins.TWINS` says as what; `policies.judge(resources)` judges who may do what. Each answers with a
`Report`.
"""
