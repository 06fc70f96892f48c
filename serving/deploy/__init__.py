"""The service as containers: image, compose, Kubernetes, alerts and dashboard."""
