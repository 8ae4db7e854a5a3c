"""Central CSMSs: one virtual station per charging station and uplink."""
