//! Fetches what is new in a maildrop. See `--help`.

use mailwire_examples::client::{
    exit::{self, Exit, Failure},
    fetch::{Fetched, Options, Prepared},
};

fn main() -> Exit {
    let options: Options = match exit::options("popfetch") {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let fetched = match Prepared::new(&options) {
        Ok(prepared) => fetch(prepared),
        Err(failure) => Fetched::failed(failure),
    };
    match fetched.tell(&options.access) {
        // A reader that has gone away changes nothing about the messages.
        Ok(()) => fetched.exit(),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => fetched.exit(),
        Err(error) => {
            exit::complain("popfetch", format_args!("standard output: {error}"));
            fetched.exit().max(Exit::Unusable)
        }
    }
}

fn fetch(prepared: Prepared) -> Fetched {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(prepared.fetch()),
        Err(error) => Fetched::failed(Failure::new(Exit::Later, error)),
    }
}
