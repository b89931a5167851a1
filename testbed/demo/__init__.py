"""The main job, shown: one `kubectl apply`, a model that answers."""
