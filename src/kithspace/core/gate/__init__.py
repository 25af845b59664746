"""The gate: what is stored, applied, held; `core/replica` is its front."""
