// Package webhooktest runs a real Caddy with this module, and an upstream that
// records what reaches it, inside a test.
//
//	up := webhooktest.NewUpstream(t)
//	srv := webhooktest.Start(t, `http://:0 {
//		handle_webhook /hook github test-secret {
//			otherwise {
//				reverse_proxy `+up.Addr()+`
//			}
//		}
//	}`)
//	answer := srv.Post("/hook", body, "X-GitHub-Event: push", "X-Hub-Signature-256: sha256="+
//		webhooktest.HMAC("test-secret", body))
//	got := up.Only()
//	entry := srv.Log.Wait(t, webhooktest.Message("webhook refused"))
//
// Sites are written with port 0, so that tests of several packages do not
// collide. Caddy's configuration is global to the process: tests that use this
// package must not run in parallel, and the last server of a test replaces the
// ones before.
package webhooktest
