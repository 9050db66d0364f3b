//! The asynchronous face of the store, over each of its back ends.

use super::{super::Mailstore, *};

const TEXT: &[u8] = b"Subject: x\r\n\r\ntext\n";

async fn read(maildrop: &super::super::Maildrop, number: usize) -> Vec<u8> {
    let mut reader = maildrop.read(number).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    text
}

async fn arrive(store: &Mailstore, to: Vec<Target>, text: &[u8]) -> Vec<Result<(), StoreError>> {
    let mut incoming = store.incoming(to, at(0));
    for piece in text.chunks(1000) {
        incoming.write(piece).await;
    }
    incoming.commit().await
}

#[tokio::test]
async fn disk_and_memory_keep_mail_alike() {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = b"0123456789abcd\r\n".repeat(20_000);
    for store in [
        Mailstore::memory(),
        Mailstore::disk(dir.path(), "h", at(0)).unwrap(),
    ] {
        let both = vec![inbox(alice()), inbox(bob())];
        assert_eq!(arrive(&store, both, TEXT).await, [Ok(()), Ok(())]);
        assert_eq!(arrive(&store, vec![inbox(alice())], &large).await, [Ok(())]);
        let maildrop = store.maildrop(&alice(), at(0)).await.unwrap();
        let octets: Vec<u64> = maildrop
            .messages()
            .iter()
            .map(|message| message.octets)
            .collect();
        assert_eq!(octets, [TEXT.len() as u64 + 1, large.len() as u64]);
        assert_ne!(maildrop.messages()[0].id, maildrop.messages()[1].id);
        assert_eq!(read(&maildrop, 0).await, TEXT);
        assert_eq!(read(&maildrop, 1).await, large);
        assert_eq!(maildrop.read(2).await.err(), Some(ReadError::Gone));
        assert_eq!(
            store.maildrop(&alice(), at(0)).await.err(),
            Some(OpenError::InUse)
        );
        drop(maildrop);
        let maildrop = store.maildrop(&alice(), at(0)).await.unwrap();
        assert_eq!(
            maildrop.messages().len(),
            2,
            "without QUIT nothing is removed"
        );
        let kept = maildrop.messages()[1].clone();
        assert_eq!(maildrop.update(vec![0]).await, Ok(()));
        let maildrop = store.maildrop(&alice(), at(0)).await.unwrap();
        assert_eq!(maildrop.messages(), [kept]);
        assert_eq!(
            store
                .maildrop(&bob(), at(0))
                .await
                .unwrap()
                .messages()
                .len(),
            1
        );
        assert_eq!(store.room_for(1).await, Ok(()));
        assert_eq!(store.sweep(at(0)).await, Ok(0));
    }
}

#[tokio::test]
async fn discard_takes_everything_and_has_nothing() {
    let store = Mailstore::discard();
    assert_eq!(arrive(&store, vec![inbox(alice())], TEXT).await, [Ok(())]);
    assert!(
        store
            .maildrop(&alice(), at(0))
            .await
            .unwrap()
            .messages()
            .is_empty()
    );
}

#[tokio::test]
async fn dos_20_a_message_that_is_broken_off_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Mailstore::disk(dir.path(), "h", at(0)).unwrap();
    let tmp = dir.path().join("mail/example.test/alice/tmp");
    for _ in 0..100 {
        let mut incoming = store.incoming(vec![inbox(alice())], at(0));
        incoming.write(&vec![b'x'; 100_000]).await;
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 1);
        // Where no runtime is at hand the file goes at once.
        std::thread::scope(|scope| scope.spawn(|| drop(incoming)).join().unwrap());
        assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
    }
    assert!(
        store
            .maildrop(&alice(), at(0))
            .await
            .unwrap()
            .messages()
            .is_empty()
    );
}

#[tokio::test]
async fn a_write_that_nobody_waited_for_spoils_the_message() {
    let dir = tempfile::tempdir().unwrap();
    let store = Mailstore::disk(dir.path(), "h", at(0)).unwrap();
    let mut incoming = store.incoming(vec![inbox(alice())], at(0));
    {
        let large = vec![b'x'; 100_000];
        let mut write = std::pin::pin!(incoming.write(&large));
        // One poll hands the octets to another thread; then the call is dropped.
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(write.as_mut().poll(cx).is_ready()));
        assert!(!polled.await);
    }
    incoming.write(b"more").await;
    assert!(matches!(
        incoming.commit().await[..],
        [Err(StoreError::Temporary { .. })]
    ));
    assert!(
        store
            .maildrop(&alice(), at(0))
            .await
            .unwrap()
            .messages()
            .is_empty()
    );
}

#[tokio::test]
async fn all_4_a_message_is_not_in_debug_output() {
    let dir = tempfile::tempdir().unwrap();
    for store in [
        Mailstore::memory(),
        Mailstore::disk(dir.path(), "h", at(0)).unwrap(),
    ] {
        let mut incoming = store.incoming(vec![inbox(alice())], at(0));
        incoming.write(b"canary-7f3a").await;
        assert!(!format!("{incoming:?}").contains("canary"));
        incoming.commit().await;
        let maildrop = store.maildrop(&alice(), at(0)).await.unwrap();
        let reader = maildrop.read(0).await.unwrap();
        assert!(!format!("{store:?} {maildrop:?} {reader:?}").contains("canary"));
    }
}
