;; A handler around core modules, which take the place of the first comment below. They end in the core instance $main: its
;; `handle` gets the request in its memory, which nothing here looks at, and gives the address of a response.
(component
  (import "wasi:io/streams@0.2.12" (instance $streams
    (export "input-stream" (type (sub resource)))
  ))
  (import "wasi:filesystem/types@0.2.12" (instance $filesystem
    (export "descriptor" (type (sub resource)))
  ))
  (alias export $streams "input-stream" (type $input-stream))
  (alias export $filesystem "descriptor" (type $descriptor))
  (import "belljar:handler/types@0.1.0" (instance $types
    (alias outer 1 $input-stream (type $stream))
    (export "input-stream" (type $input-stream (eq $stream)))
    (alias outer 1 $descriptor (type $folder))
    (export "descriptor" (type $descriptor (eq $folder)))
    (type $pair (tuple string (list u8)))
    (export "header" (type $header (eq $pair)))
    (type $schemes (enum "http" "https"))
    (export "scheme" (type $scheme (eq $schemes)))
    (type $question (record
      (field "method" string)
      (field "scheme" $scheme)
      (field "authority" (option string))
      (field "path" string)
      (field "query" (option string))
      (field "headers" (list $header))
      (field "client" string)
      (field "body" (option (own $input-stream)))
    ))
    (export "request" (type $request (eq $question)))
    (type $part (record
      (field "descriptor" (own $descriptor))
      (field "offset" u64)
      (field "length" u64)
    ))
    (export "file" (type $file (eq $part)))
    (type $content (variant (case "empty") (case "bytes" (list u8)) (case "file" $file)))
    (export "body" (type $body (eq $content)))
    (type $answer (record
      (field "status" u16)
      (field "headers" (list $header))
      (field "body" $body)
    ))
    (export "response" (type $response (eq $answer)))
  ))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))

  ;; the core modules
  (func $handle (param "request" $request) (result $response)
    (canon lift (core func $main "handle")
      (memory (core memory $main "memory"))
      (realloc (core func $main "realloc"))
      ;; the options
    )
  )
  (export "handle" (func $handle))
)
