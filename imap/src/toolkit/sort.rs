//! SORT, evaluated.
