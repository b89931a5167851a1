"""200 models on a real control plane, while everything around the operator fails."""
