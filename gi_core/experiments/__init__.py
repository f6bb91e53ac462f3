"""One experiment from question to result; federations, sweeps and recorded rounds made of it. Nothing is imported here."""
