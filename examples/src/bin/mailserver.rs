//! A complete mail server with one command. See `--help`.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use mailtls::serve::stop;
use mailwire_examples::server::{
    EndSignal, Ready, announce,
    options::Options,
    startup::{self, Prepared, StartError},
};

/// Bad options, a bad file, a busy port, an unreadable key.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            let printed = error.print();
            return if printed.is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        Err(error) => return unusable(&startup::one_line(&error)),
    };
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unusable(&error.to_string()),
    }
}

fn serve(options: &Options) -> Result<(), StartError> {
    if options.print_config {
        return say(&options.to_config()?.to_toml());
    }
    if options.check_config {
        let report = startup::check(options)?;
        return say(&format!(
            "{}\nthe configuration can be used\n",
            report.join("\n")
        ));
    }
    let prepared = Prepared::new(options, jiff::Timestamp::now())?;
    let filter = startup::log_filter(&prepared.config)?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    if options.store.is_some() {
        tracing::warn!("--store is for measuring: mail is answered with 250 and lost");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.map_err(StartError::Setup)?.block_on(async {
        let announcement = match options.json {
            true => announce::json(&prepared) + "\n",
            false => announce::text(&prepared),
        };
        let mut signal = EndSignal::new().map_err(StartError::Setup)?;
        let ready = Ready::new(prepared).map_err(StartError::Setup)?;
        let (stop, stopped) = stop();
        let serving = tokio::spawn(ready.run(stopped));
        say(&announcement)?;
        signal.received().await;
        tracing::info!("stopping: open sessions may end");
        stop.now();
        serving
            .await
            .map(drop)
            .map_err(|error| StartError::Setup(error.into()))
    })
}

/// Standard output; a reader that has gone away is no reason to stop.
fn say(text: &str) -> Result<(), StartError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(StartError::Setup(error))
        }
        _ => Ok(()),
    }
}

fn unusable(sentence: &str) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "mailserver: {sentence}");
    ExitCode::from(UNUSABLE)
}
