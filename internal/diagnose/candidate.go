package diagnose

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// candidate is a text of a request that has the form of an authentication code.
type candidate struct {
	signature verify.Signature // where it is and how it is written
	code      []byte
	timeTag   string // the tag of the time in the same list; empty without one
	time      string // that time as it is written
}

// hashes are the hash functions that a provider's description can name, by the
// length of their codes in bytes.
var hashes = map[int]string{20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}

// maxEntries is how many entries of a list are looked at.
const maxEntries = 16

// notSigned are headers that hold a hash or an id, but never a signature.
var notSigned = []string{
	"header.Content-Md5", "header.Etag", "header.If-None-Match", "header.Cookie", "header.Traceparent",
}

// findCandidates returns all texts that may be codes.
func findCandidates(texts []text) []candidate {
	var candidates []candidate
	for _, t := range texts {
		if t.value == "" || len(t.value) > 4096 || slices.Contains(notSigned, t.name) {
			continue
		}
		found := candidatesIn(t.value)
		for i := range found {
			found[i].signature.From = []string{t.name}
			found[i].signature.Repeated = t.repeated
		}
		candidates = append(candidates, found...)
	}
	return candidates
}

// candidatesIn returns the codes of one value: those in a list first, because what
// stands beside them may differ from request to request.
func candidatesIn(value string) []candidate {
	var candidates []candidate
	add := func(found ...candidate) {
		for _, p := range found {
			known := func(other candidate) bool { return string(other.code) == string(p.code) }
			if !slices.ContainsFunc(candidates, known) {
				candidates = append(candidates, p)
			}
		}
	}
	for _, separator := range []string{",", ";", " ", "&", "|"} {
		if !strings.Contains(value, separator) {
			continue
		}
		for _, assign := range []string{"=", ":", ",", "|", ""} {
			if assign != separator {
				add(listed(value, verify.List{Separator: separator, Assign: assign})...)
			}
		}
	}
	add(prefixed(value)...)
	return candidates
}

// listed reads a value as a list.
func listed(value string, list verify.List) []candidate {
	var candidates []candidate
	var timeTag, timeText string
	entries := strings.SplitN(value, list.Separator, maxEntries+1)
	if len(entries) > maxEntries {
		return nil
	}
	for i, entry := range entries {
		tag, value := "", strings.TrimSpace(entry)
		if list.Assign != "" {
			var ok bool
			if tag, value, ok = strings.Cut(value, list.Assign); !ok || tag == "" {
				continue
			}
		} else if i == 0 {
			tag = "1" // how a description names the first entry
		}
		if _, ok := timeUnit(value); ok && tag != "" && timeTag == "" {
			timeTag, timeText = tag, value
			continue
		}
		for _, p := range codes(value) {
			p.signature.List = &verify.List{Separator: list.Separator, Assign: list.Assign}
			if list.Assign != "" {
				p.signature.List.Tag = tag
			}
			candidates = append(candidates, p)
		}
	}
	for i := range candidates {
		candidates[i].timeTag, candidates[i].time = timeTag, timeText
	}
	return candidates
}

// versionTag is a prefix that is the tag of a list which may have more entries.
var versionTag = regexp.MustCompile(`^(v\d[a-z]?)([,=])$`)

// prefixed reads a value as a code after a fixed text, or after none.
func prefixed(value string) []candidate {
	candidates := codes(value)
	for i := 0; i+1 < len(value) && i < 200; i++ {
		if strings.IndexByte("=: ,|/;.", value[i]) < 0 {
			continue
		}
		prefix := value[:i+1]
		for _, p := range codes(value[i+1:]) {
			p.signature.Prefix = prefix
			if parts := versionTag.FindStringSubmatch(prefix); parts != nil {
				separator := ","
				if parts[2] == "," {
					separator = " "
				}
				p.signature.Prefix = ""
				p.signature.List = &verify.List{Separator: separator, Assign: parts[2], Tag: parts[1]}
			}
			candidates = append(candidates, p)
		}
	}
	return candidates
}

// codes decodes a text in all encodings in which it has the length of a code.
func codes(value string) []candidate {
	var candidates []candidate
	add := func(encoding string, code []byte, err error) {
		if err == nil && hashes[len(code)] != "" {
			candidates = append(candidates, candidate{signature: verify.Signature{Encoding: encoding}, code: code})
		}
	}
	if code, err := hex.DecodeString(value); err == nil && hashes[len(code)] != "" {
		add("hex", code, nil)
		return candidates // digits are base64, too, but nobody means that
	}
	if strings.ContainsAny(value, "\r\n") {
		return candidates
	}
	if code, err := base64.StdEncoding.Strict().DecodeString(value); err == nil {
		add("base64", code, nil)
		return candidates
	}
	code, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(value, "="))
	add("base64url", code, err)
	return candidates
}

// ownName is the name for a provider whose codes are where the candidate is.
func (p *candidate) ownName() string {
	_, name, _ := strings.Cut(p.signature.From[0], ".")
	var parts []string
	for part := range strings.FieldsFuncSeq(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		if !slices.Contains(commonWords, part) {
			parts = append(parts, part)
		}
	}
	name = strings.Join(parts, "-")
	if strings.Trim(name, "0123456789-") == "" {
		name = "custom"
	}
	if _, taken := verify.Builtin(name); taken {
		name += "-own"
	}
	return name
}

// commonWords say nothing of whose signature a header holds.
var commonWords = []string{
	"x", "signature", "sig", "sign", "signed", "hmac", "mac", "hash", "digest", "sha1", "sha256", "sha384", "sha512",
	"256", "512", "webhook", "webhooks", "hook", "hub", "request", "content", "body", "header", "auth", "authorization",
	"v1", "v2", "v3", "message", "event", "token", "key", "checksum", "data",
}
