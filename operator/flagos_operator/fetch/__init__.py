"""`flagos-operator fetch`: a model's weights, complete and verified, or a reason why not."""
