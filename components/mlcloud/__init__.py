"""Machine-learning stacks as code with Pulumi: on AWS, GCP, Azure and one laptop."""
