//! Responses that do not end, lie, or never begin.

use std::future::pending;
use std::mem::forget;

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::{FutureReader, StreamReader};
use wasip3::{spawn_local, wit_future, wit_stream};

use crate::{Answer, no_such_attack, text};

type Trailers = FutureReader<Result<Option<Fields>, ErrorCode>>;

pub async fn run(attack: &str, request: Request) -> Answer {
    match attack {
        // The body is whole, but the future of its trailers is never resolved.
        "unresolved-trailers" => {
            let (mut writer, reader) = wit_stream::new();
            let (end, trailers) = wit_future::new(|| Ok(None));
            spawn_local(async move {
                writer.write_all(b"whole".to_vec()).await;
                drop(writer);
                pending::<()>().await;
                drop(end);
            });
            answer(&[], reader, trailers)
        }
        "unwritten-body" => {
            let (writer, reader) = wit_stream::new();
            let (end, trailers) = wit_future::new(|| Ok(None));
            forget((writer, end));
            answer(&[], reader, trailers)
        }
        "failed-trailers" => {
            let (mut writer, reader) = wit_stream::new();
            let (end, trailers) = wit_future::new(|| Ok(None));
            spawn_local(async move {
                writer.write_all(b"whole".to_vec()).await;
                drop(writer);
                let _ = end.write(Err(ErrorCode::InternalError(None))).await;
            });
            answer(&[], reader, trailers)
        }
        // Writes for as long as the host takes it.
        "endless-body" => {
            let (mut writer, reader) = wit_stream::new();
            let (end, trailers) = wit_future::new(|| Ok(None));
            spawn_local(async move {
                while writer.write_all(vec![b'x'; 1 << 20]).await.is_empty() {}
                drop(end);
            });
            answer(&[], reader, trailers)
        }
        // One byte at a time.
        "single-bytes" => {
            let (mut writer, reader) = wit_stream::new();
            let (end, trailers) = wit_future::new(|| Ok(None));
            spawn_local(async move {
                while writer.write_all(vec![b'x']).await.is_empty() {}
                drop(end);
            });
            answer(&[], reader, trailers)
        }
        "longer-than-declared" => written(&[("content-length", b"2")], b"longer"),
        "shorter-than-declared" => written(&[("content-length", b"20")], b"shorter"),
        "chunked" => written(
            &[("transfer-encoding", b"chunked")],
            b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ),
        // The body of the request, which the guest never looks at.
        "passed-on" => {
            let (_, processed) = wit_future::new(|| Ok(()));
            let (reader, trailers) = Request::consume_body(request, processed);
            answer(&[], reader, trailers)
        }
        "dropped-body" => {
            let (_, processed) = wit_future::new(|| Ok(()));
            let (reader, trailers) = Request::consume_body(request, processed);
            drop(reader);
            drop(trailers);
            text("dropped\n")
        }
        "error" => Err(ErrorCode::InternalError(Some(
            "x\r\nforged: yes\n\x1b[2J".repeat(1000),
        ))),
        _ => no_such_attack(),
    }
}

fn written(fields: &[(&str, &[u8])], content: &[u8]) -> Answer {
    let content = content.to_vec();
    let (mut writer, reader) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    spawn_local(async move {
        writer.write_all(content).await;
        drop(writer);
        let _ = end.write(Ok(None)).await;
    });
    answer(fields, reader, trailers)
}

fn answer(fields: &[(&str, &[u8])], body: StreamReader<u8>, trailers: Trailers) -> Answer {
    let list: Vec<_> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
        .collect();
    match Fields::from_list(&list) {
        Ok(fields) => Ok(Response::new(fields, Some(body), trailers).0),
        Err(error) => text(format!("refused ({error:?})\n")),
    }
}
