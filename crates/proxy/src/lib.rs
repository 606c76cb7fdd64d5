//! compile a Document into a Snapshot; serve exchanges with it
