"""The server: one core, and thin adapters for SageMaker, Vertex AI, Azure ML and Open Inference Protocol v2.

What it answers is the same on every platform, so that a client can move:

- classification: `{"predictions": [{"prediction": "B", "probabilities": {"B": 0.98, "M": 0.02}}, ...]}`.
  `prediction` is the class as the training data has it (text, number or boolean); the keys of `probabilities`
  are the classes as text; `probabilities` is null for a model that has none.
- regression: `{"predictions": [12.5, ...]}`.
- CSV, where it is asked for: one line a row, without a header line: the prediction, then for classification
  the probabilities in the order of the manifest's `classes`.
- an error, of any kind: `{"error": "<text for people>"}`.

`predictions` has as many elements as the request has rows, in the same order. A request states every feature
of the model, by name or in the order of the manifest; a missing value is an explicit `null` (an empty cell in
CSV) and is imputed as in training. The header `x-model-version` tells which model answered, `x-request-id`
names the request in the log.

The serve path imports neither scikit-learn nor pandas unless the model's runtime is `skops`.
"""
