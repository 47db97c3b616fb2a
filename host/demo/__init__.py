"""The demonstration: a small real repository, two real servers, a model that obeys whatever it reads."""
