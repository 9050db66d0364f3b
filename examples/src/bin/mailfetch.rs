//! Copies the mailboxes of an account into a Maildir, and back. See `--help`.

use mailwire_examples::client::{
    exit::{self, Exit, Failure},
    imap::{Copied, Options, Prepared},
};

fn main() -> Exit {
    let options: Options = match exit::options("mailfetch") {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let copied = match Prepared::new(&options) {
        Ok(prepared) => copy(prepared),
        Err(failure) => Copied::failed(failure),
    };
    match copied.tell(&options) {
        // A reader that has gone away changes nothing about the messages.
        Ok(()) => copied.exit(),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => copied.exit(),
        Err(error) => {
            exit::complain("mailfetch", format_args!("standard output: {error}"));
            copied.exit().max(Exit::Unusable)
        }
    }
}

fn copy(prepared: Prepared) -> Copied {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(prepared.copy()),
        Err(error) => Copied::failed(Failure::new(Exit::Later, error)),
    }
}
