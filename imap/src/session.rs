//! A server application as a handful of async methods whose results are the answers.
