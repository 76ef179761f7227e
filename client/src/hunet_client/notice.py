"""The sentence that every output carries."""

RESEARCH_USE_ONLY = "Research use only. Not a medical device; not for diagnosis or treatment."
