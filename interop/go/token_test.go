package interop

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	tokenClient = "interop client"
	tokenSecret = `It's 100% s3c+ret: "é"`
)

// tokenRoutes issue tokens at /token, and take them at /issued.
func tokenRoutes() string {
	return `
	webhook_token /token interop {
		client ` + "`" + tokenClient + "` `" + tokenSecret + "`" + ` for instaleap
		ttl 10m
	}
	handle_webhook /issued instaleap {
		issued interop
		otherwise {
			reverse_proxy ` + app.address() + `
		}
	}
`
}

func oauthConfig(style oauth2.AuthStyle) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: tokenClient, ClientSecret: tokenSecret, TokenURL: "http://" + address + "/token",
		Scopes: []string{"a", "b"}, AuthStyle: style,
	}
}

// The OAuth client of the Go project fetches tokens in each way that it knows,
// and sends events with them.
func TestOAuthClient(t *testing.T) {
	for name, style := range map[string]oauth2.AuthStyle{
		"found out": oauth2.AuthStyleAutoDetect, "in the header": oauth2.AuthStyleInHeader, "in the body": oauth2.AuthStyleInParams,
	} {
		t.Run(name, func(t *testing.T) {
			config := oauthConfig(style)
			fetched, err := config.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !fetched.Valid() || fetched.Type() != "Bearer" || fetched.Expiry.IsZero() || fetched.Extra("expires_in") != 600.0 {
				t.Errorf("the token is of type %s and ends at %s", fetched.Type(), fetched.Expiry)
			}
			response, err := config.Client(t.Context()).Post("http://"+address+"/issued", "application/json",
				strings.NewReader(`{"id":"1","type":"CREATED"}`))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if got := app.take(); response.StatusCode != answered || len(got) != 1 {
				t.Errorf("the event is answered %d, the app got %d requests", response.StatusCode, len(got))
			}
		})
	}
}

// What the client makes of refusals.
func TestOAuthClientIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*clientcredentials.Config)
		status int
		code   string
	}{
		{"wrong secret", func(c *clientcredentials.Config) { c.ClientSecret += "x" }, 401, "invalid_client"},
		{"unknown client", func(c *clientcredentials.Config) { c.ClientID += "x" }, 401, "invalid_client"},
		{"other grant", func(c *clientcredentials.Config) {
			c.EndpointParams = map[string][]string{"grant_type": {"password"}}
		}, 400, "unsupported_grant_type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := oauthConfig(oauth2.AuthStyleInHeader)
			test.change(config)
			_, err := config.Token(context.Background())
			refusal, ok := errors.AsType[*oauth2.RetrieveError](err)
			if !ok || refusal.Response.StatusCode != test.status || refusal.ErrorCode != test.code {
				t.Errorf("error is %v, want %d %s", err, test.status, test.code)
			}
		})
	}
	response, err := http.Post("http://"+address+"/issued", "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 401 || !strings.Contains(string(body), "missing_token") {
		t.Errorf("without a token the answer is %d %s", response.StatusCode, body)
	}
	if got := app.take(); len(got) != 0 {
		t.Errorf("the app got %d requests", len(got))
	}
}
