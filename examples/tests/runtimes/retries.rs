//! A reply that is lost on its way: the message is there, and its sender does not know.

use std::{collections::BTreeSet, net::SocketAddr};

use mailtls::level::Level;
use mailwire::{Account, SendError, Submission, smtp::client::Outcome};
use mailwire_examples::config::Service;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

use super::{Host, on};

const MESSAGE: &[u8] =
    b"Message-ID: <one@example.test>\r\nSubject: once\r\n\r\nThe body.\r\n.. and a dot\r\n";

/// Passes one connection on, up to the reply to a message. That one it keeps for itself and hangs up.
async fn swallow_the_reply(listener: &TcpListener, server: SocketAddr) {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut server = TcpStream::connect(server).await.unwrap();
    let (mut said, mut heard) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            octets = client.read(&mut said) => {
                let octets = octets.unwrap();
                assert_ne!(octets, 0, "the client hung up");
                server.write_all(&said[..octets]).await.unwrap();
            }
            octets = server.read(&mut heard) => {
                let octets = octets.unwrap();
                assert_ne!(octets, 0, "the server hung up");
                let reply = &heard[..octets];
                // The code of success without more to say (RFC 3463 §3.1) is that of the message.
                let last = reply.windows(9).position(|w| w == b"250 2.0.0");
                client.write_all(&reply[..last.unwrap_or(octets)]).await.unwrap();
                if last.is_some() {
                    return;
                }
            }
        }
    }
}

async fn submission(address: SocketAddr) -> Submission {
    let endpoint = format!("smtp://{address}").parse().unwrap();
    let account = Account::new(endpoint).level(Level::None);
    Submission::open(&account).await.unwrap()
}

async fn send(submission: &mut Submission) -> Result<mailwire::Report, SendError> {
    submission
        .send("alice@example.test", &["bob@example.test"], MESSAGE)
        .await
}

/// What a server calls the message in the field that it puts in front (RFC 5321 §4.4).
fn own_id(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let (trace, _) = text.split_once("Message-ID").unwrap();
    let (_, id) = trace.split_once(" id ").unwrap();
    id.split([';', ' ', '\r']).next().unwrap().to_owned()
}

async fn two_replies_are_lost(host: &Host) {
    let server = host.address(Service::Smtp);
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relayed = relay.local_addr().unwrap();
    for lost in 1..=2 {
        let attempt = async {
            let sent = send(&mut submission(relayed).await).await;
            let Err(SendError::Lost { report, .. }) = sent else {
                panic!("{sent:?}");
            };
            // Neither delivered nor refused: it may be sent again, and may arrive twice (RFC 1047).
            let outcomes: Vec<_> = report.iter().map(|(_, outcome)| outcome.clone()).collect();
            assert_eq!(outcomes, [Outcome::Unknown]);
        };
        tokio::join!(attempt, swallow_the_reply(&relay, server));
        // What was answered is kept, whether the answer arrives or not.
        assert_eq!(host.inbox().await.len(), lost);
    }
    let mut direct = submission(server).await;
    assert!(send(&mut direct).await.unwrap().is_delivered());
    direct.quit().await;

    let inbox = host.inbox().await;
    assert_eq!(inbox.len(), 3, "one for each lost reply, and the last one");
    assert!(inbox.iter().all(|message| message.ends_with(MESSAGE)));
    let ids: BTreeSet<_> = inbox.iter().map(|message| own_id(message)).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[test]
fn store_14_each_lost_reply_costs_one_whole_copy_and_no_more() {
    let runtime = Builder::new_current_thread().enable_all().build();
    on(runtime.unwrap(), two_replies_are_lost);
}
