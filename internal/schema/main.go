// Command schema prints a JSON schema of Caddy's configuration as this module extends
// it. Editors take it to complete and check JSON. What it says of a field is the
// comment of the field. It reads the source, so it is run in the root of the repository.
//
//	go run ./internal/schema > docs/editors/caddy-webhooks.schema.json
package main

import (
	"log"
	"os"

	_ "github.com/caddy-webhooks/caddy-webhooks"
	_ "github.com/caddy-webhooks/caddy-webhooks/nats"
)

func main() {
	log.SetFlags(0)
	schema, err := generate(".")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := os.Stdout.Write(schema); err != nil {
		log.Fatal(err)
	}
}
