//! Sends one message. See `--help`.

use mailwire_examples::client::{
    exit::{self, Exit, Failure},
    send::{Options, Prepared, Sent},
};

fn main() -> Exit {
    let options: Options = match exit::options("mailsend") {
        Ok(options) => options,
        Err(exit) => return exit,
    };
    let sent = match Prepared::new(&options) {
        Ok(prepared) => send(prepared),
        Err(failure) => Sent::failed(failure),
    };
    match sent.tell(&options.access) {
        // A reader that has gone away changes nothing about the message.
        Ok(()) => sent.exit(),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => sent.exit(),
        Err(error) => {
            exit::complain("mailsend", format_args!("standard output: {error}"));
            sent.exit().max(Exit::Unusable)
        }
    }
}

fn send(prepared: Prepared) -> Sent {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let sent = runtime.block_on(prepared.send());
            // A pipe that nobody writes to must not hold the end up.
            runtime.shutdown_background();
            sent
        }
        Err(error) => Sent::failed(Failure::new(Exit::Later, error)),
    }
}
