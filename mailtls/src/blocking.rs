//! The same machines over `std::io`: no runtime, no task, one thread that reads and writes.
