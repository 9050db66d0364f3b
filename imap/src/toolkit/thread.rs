//! THREAD, evaluated.
