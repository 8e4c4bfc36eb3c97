package token

import "testing"

func TestMatch(t *testing.T) {
	clients := NewClients([]Client{
		{ID: "a", Secret: "one", For: []string{"instaleap"}},
		{ID: "a", Secret: "two", For: []string{"instaleap"}},
		{ID: "b", Secret: "three", For: []string{"jelp"}},
	})
	for _, test := range []struct {
		name  string
		sent  []Credentials
		id    string
		right bool
	}{
		{"first secret", []Credentials{{"a", "one"}}, "a", true},
		{"second secret", []Credentials{{"a", "two"}}, "a", true},
		{"other client", []Credentials{{"b", "three"}}, "b", true},
		{"either form", []Credentials{{"b", "th%72ee"}, {"b", "three"}}, "b", true},
		{"either form, the other way", []Credentials{{"b", "three"}, {"c", "x"}}, "b", true},
		{"secret of another", []Credentials{{"a", "three"}}, "a", false},
		{"id of another", []Credentials{{"b", "one"}}, "b", false},
		{"unknown", []Credentials{{"c", "one"}}, "", false},
		{"empty", []Credentials{{"", ""}}, "", false},
		{"no secret", []Credentials{{"a", ""}}, "a", false},
		{"prefix", []Credentials{{"a", "on"}}, "a", false},
		{"none", nil, "", false},
	} {
		client, right := clients.Match(test.sent)
		id := ""
		if client != nil {
			id = client.ID
		}
		if id != test.id || right != test.right {
			t.Errorf("%s: client %q, right: %t; want %q, %t", test.name, id, right, test.id, test.right)
		}
		if client != nil && client.Secret != "" {
			t.Errorf("%s: the secret is kept", test.name)
		}
	}
}
