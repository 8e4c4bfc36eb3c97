package token

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Clients compares credentials. It keeps digests only.
type Clients struct {
	entries []clientEntry
}

type clientEntry struct {
	client     Client // without its secret
	id, secret [sha256.Size]byte
}

// NewClients returns the clients of a configuration, whose placeholders are
// replaced.
func NewClients(clients []Client) *Clients {
	c := new(Clients)
	for _, client := range clients {
		entry := clientEntry{client: client, id: sha256.Sum256([]byte(client.ID)), secret: sha256.Sum256([]byte(client.Secret))}
		entry.client.Secret = ""
		c.entries = append(c.entries, entry)
	}
	return c
}

// Match looks for a client by the credentials that a request may mean. It
// returns the client whose id is among them, or nil, and whether its secret is
// right, too. It compares digests, always with all clients, so that the time it
// takes tells neither which part was wrong nor whether there is such a client.
func (c *Clients) Match(candidates []Credentials) (client *Client, right bool) {
	named, found := -1, -1
	for _, candidate := range candidates {
		id, secret := sha256.Sum256([]byte(candidate.ID)), sha256.Sum256([]byte(candidate.Secret))
		for i := range c.entries {
			sameID := subtle.ConstantTimeCompare(id[:], c.entries[i].id[:])
			sameSecret := subtle.ConstantTimeCompare(secret[:], c.entries[i].secret[:])
			named = subtle.ConstantTimeSelect(sameID, i, named)
			found = subtle.ConstantTimeSelect(sameID&sameSecret, i, found)
		}
	}
	switch {
	case found >= 0:
		return &c.entries[found].client, true
	case named >= 0:
		return &c.entries[named].client, false
	default:
		return nil, false
	}
}

// existing returns an id if a client has it, else nothing. Ids are no secrets.
func (c *Clients) existing(id string) string {
	for i := range c.entries {
		if c.entries[i].client.ID == id {
			return id
		}
	}
	return ""
}
