"""Names that cleanlab's users know from `cleanlab.experimental`."""
