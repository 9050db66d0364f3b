//! SEARCH, evaluated.
