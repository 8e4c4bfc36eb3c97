package verify_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// sum is the HMAC of text with any hash, in hex.
func sum(newHash func() hash.Hash, text string) string {
	h := hmac.New(newHash, []byte(secret))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// inBase64 writes hex as base64.
func inBase64(digits string) string {
	raw, _ := hex.DecodeString(digits)
	return base64.StdEncoding.EncodeToString(raw)
}

// fullWidth replaces digits by those that look alike in East Asian fonts.
func fullWidth(digits string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r - '0' + '０'
		}
		return r
	}, digits)
}

func TestBareSignature(t *testing.T) {
	good := mac(secret, goodText)
	bad := mac("other", goodText)
	tests := []struct {
		name   string
		values []string
		want   verify.Reason
	}{
		{"right", []string{good}, ""},
		{"upper case", []string{strings.ToUpper(good)}, ""},
		{"absent", nil, verify.MissingSignature},
		{"empty", []string{""}, verify.MissingSignature},
		{"blank", []string{"  \t"}, verify.MissingSignature},
		{"of another key", []string{bad}, verify.BadSignature},
		{"zeros", []string{strings.Repeat("0", 64)}, verify.BadSignature},
		{"62 digits", []string{good[:62]}, verify.BadSignature},
		{"63 digits", []string{good[:63]}, verify.BadSignature},
		{"32 digits", []string{good[:32]}, verify.BadSignature},
		{"16 digits", []string{good[:16]}, verify.BadSignature},
		{"2 digits", []string{good[:2]}, verify.BadSignature},
		{"1 digit", []string{good[:1]}, verify.BadSignature},
		{"the last 62 digits", []string{good[2:]}, verify.BadSignature},
		{"two digits more", []string{good + "00"}, verify.BadSignature},
		{"doubled", []string{good + good}, verify.BadSignature},
		{"0x", []string{"0x" + good}, verify.BadSignature},
		{"prefix of another provider", []string{"sha256=" + good}, verify.BadSignature},
		{"in quotes", []string{`"` + good + `"`}, verify.BadSignature},
		{"space inside", []string{good[:32] + " " + good[32:]}, verify.BadSignature},
		{"space before", []string{" " + good}, verify.BadSignature},
		{"line break after", []string{good + "\n"}, verify.BadSignature},
		{"NUL after", []string{good + "\x00"}, verify.BadSignature},
		{"percent-encoded", []string{"%" + hex.EncodeToString([]byte(good[:1])) + good[1:]}, verify.BadSignature},
		{"full-width digits", []string{fullWidth(good)}, verify.BadSignature},
		{"base64", []string{inBase64(good)}, verify.BadSignature},
		{"list, good first", []string{good + "," + bad}, verify.BadSignature},
		{"list, good last", []string{bad + ", " + good}, verify.BadSignature},
		{"two lines, good first", []string{good, bad}, verify.BadSignature},
		{"two lines, good last", []string{bad, good}, verify.BadSignature},
		{"two lines, both good", []string{good, good}, verify.BadSignature},
		{"two lines, one empty", []string{good, ""}, verify.BadSignature},
		{"plain hash of key and text", []string{hexOf(sha256.Sum256([]byte(secret + goodText)))}, verify.BadSignature},
		{"SHA-1", []string{sum(sha1.New, goodText)}, verify.BadSignature},
		{"MD5", []string{sum(md5.New, goodText)}, verify.BadSignature},
	}
	v := signed(t, "instaleap")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: http.Header{"InstaLeap-Signature": test.values}, body: goodJob}.expect(t, v, test.want)
		})
	}
}

func hexOf(sum [sha256.Size]byte) string { return hex.EncodeToString(sum[:]) }

func TestSignatureElsewhere(t *testing.T) {
	good := mac(secret, goodText)
	v := signed(t, "instaleap")
	hook{header: with("InstaLeap_Signature", good), body: goodJob}.expect(t, v, verify.MissingSignature)
	hook{header: with("Cookie", "InstaLeap-Signature="+good), body: goodJob}.expect(t, v, verify.MissingSignature)
	hook{url: "https://hooks.example.com/?InstaLeap-Signature=" + good, body: goodJob}.expect(t, v, verify.MissingSignature)
}

func TestPrefixedSignature(t *testing.T) {
	const body = `{"ref":"refs/heads/main"}`
	good := mac(secret, body)
	tests := []struct {
		name   string
		header http.Header
		want   verify.Reason
	}{
		{"right", with("X-Hub-Signature-256", "sha256="+good), ""},
		{"upper-case digits", with("X-Hub-Signature-256", "sha256="+strings.ToUpper(good)), ""},
		{"prefix alone", with("X-Hub-Signature-256", "sha256="), verify.BadSignature},
		{"no prefix", with("X-Hub-Signature-256", good), verify.BadSignature},
		{"upper-case prefix", with("X-Hub-Signature-256", "SHA256="+good), verify.BadSignature},
		{"prefix twice", with("X-Hub-Signature-256", "sha256=sha256="+good), verify.BadSignature},
		{"SHA-1 under its own name", with("X-Hub-Signature-256", "sha1="+sum(sha1.New, body)), verify.BadSignature},
		{"SHA-1 under a false name", with("X-Hub-Signature-256", "sha256="+sum(sha1.New, body)), verify.BadSignature},
		{"SHA-256 under a false name", with("X-Hub-Signature-256", "sha1="+good), verify.BadSignature},
		{"MD5", with("X-Hub-Signature-256", "md5="+sum(md5.New, body)), verify.BadSignature},
		{"older header alone", with("X-Hub-Signature", "sha1="+sum(sha1.New, body)), verify.MissingSignature},
		{"older header with the new hash", with("X-Hub-Signature", "sha256="+good), verify.MissingSignature},
		{"two lines, good first", with("X-Hub-Signature-256", "sha256="+good, "X-Hub-Signature-256", "sha256=00"), verify.BadSignature},
		{"two lines, good last", with("X-Hub-Signature-256", "sha256=00", "X-Hub-Signature-256", "sha256="+good), verify.BadSignature},
	}
	v := signed(t, "github")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: test.header, body: body}.expect(t, v, test.want)
		})
	}
	for _, changed := range []string{"", " " + body, body + " ", body + "\n", strings.ToUpper(body)} {
		hook{header: with("X-Hub-Signature-256", "sha256="+good), body: changed}.expect(t, v, verify.BadSignature)
	}
}

// listSpec signs as Stripe does.
const listSpec = `{
	"name": "listed", "scheme": "hmac", "credentials": ["secret"],
	"signature": {"from": ["header.X-Signature"], "list": {"separator": ",", "assign": "=", "tag": "v1"}},
	"timestamp": {"tag": "t", "unit": "s", "tolerance": "5m"},
	"content": "{timestamp}.{body}"
}`

func TestListedSignature(t *testing.T) {
	const stamp, body = "1715688000", "any bytes"
	good := "v1=" + mac(secret, stamp+"."+body)
	bad := "v1=" + mac("other", stamp+"."+body)
	tests := []struct {
		name   string
		values []string
		want   verify.Reason
	}{
		{"right", []string{"t=" + stamp + "," + good}, ""},
		{"spaces after commas", []string{"t=" + stamp + ", " + good}, ""},
		{"other order", []string{good + ",t=" + stamp}, ""},
		{"wrong one first", []string{"t=" + stamp + "," + bad + "," + good}, ""},
		{"wrong one last", []string{"t=" + stamp + "," + good + "," + bad}, ""},
		{"undecodable one beside it", []string{"t=" + stamp + ",v1=zz," + good}, ""},
		{"empty one beside it", []string{"t=" + stamp + ",v1=,v1," + good + ",,"}, ""},
		{"other tags beside it", []string{"t=" + stamp + ",v0=00," + good + ",v2=xyz"}, ""},
		{"wrong alone", []string{"t=" + stamp + "," + bad}, verify.BadSignature},
		{"undecodable alone", []string{"t=" + stamp + ",v1=zz"}, verify.BadSignature},
		{"tag alone", []string{"t=" + stamp + ",v1="}, verify.BadSignature},
		{"under a wrong tag", []string{"t=" + stamp + ",v0" + good[2:]}, verify.BadSignature},
		{"tag in upper case", []string{"t=" + stamp + ",V1" + good[2:]}, verify.BadSignature},
		{"without a tag", []string{"t=" + stamp + "," + good[3:]}, verify.BadSignature},
		{"without a timestamp", []string{good}, verify.BadSignature},
		{"with an empty timestamp", []string{"t=," + good}, verify.BadSignature},
		{"two timestamps, good first", []string{"t=" + stamp + ",t=1," + good}, verify.BadSignature},
		{"two timestamps, good last", []string{"t=1,t=" + stamp + "," + good}, verify.BadSignature},
		{"two timestamps, the first empty", []string{"t=,t=" + stamp + "," + good}, verify.BadSignature},
		{"two timestamps, the last empty", []string{"t=" + stamp + ",t=," + good}, verify.BadSignature},
		{"the same timestamp twice", []string{"t=" + stamp + ",t=" + stamp + "," + good}, verify.BadSignature},
		{"another timestamp", []string{"t=1715688001," + good}, verify.BadSignature},
		{"timestamp written otherwise", []string{"t=0" + stamp + "," + good}, verify.BadSignature},
		{"truncated", []string{"t=" + stamp + "," + good[:len(good)-2]}, verify.BadSignature},
		{"16 entries", []string{"t=" + stamp + "," + strings.Repeat(bad+",", 14) + good}, ""},
		{"17 entries", []string{"t=" + stamp + "," + strings.Repeat(bad+",", 15) + good}, verify.BadSignature},
		{"semicolons", []string{"t=" + stamp + ";" + good}, verify.BadSignature},
		{"two lines", []string{"t=" + stamp + "," + bad, "t=" + stamp + "," + good}, verify.BadSignature},
		{"split over two lines", []string{"t=" + stamp, good}, verify.BadSignature},
		{"absent", nil, verify.MissingSignature},
		{"empty", []string{""}, verify.MissingSignature},
		{"blank", []string{" "}, verify.MissingSignature},
		{"commas alone", []string{",,,"}, verify.BadSignature},
	}
	v := custom(t, listSpec, &verify.Config{Secrets: []string{secret}})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: http.Header{"X-Signature": test.values}, body: body}.expect(t, v, test.want)
		})
	}
}

func TestRepeatedSignature(t *testing.T) {
	v := custom(t, `{
		"name": "repeated", "scheme": "hmac",
		"signature": {"from": ["header.X-Signature", "header.X-Signature-2"], "prefix": "sha256=", "repeated": true},
		"content": "{body}"
	}`, &verify.Config{Secrets: []string{"old-key", secret}})
	good, bad := "sha256="+mac(secret, "body"), "sha256="+mac("other", "body")
	tests := []struct {
		name   string
		header http.Header
		want   verify.Reason
	}{
		{"good first", with("X-Signature", good, "X-Signature", bad), ""},
		{"good last", with("X-Signature", bad, "X-Signature", good), ""},
		{"good beside an undecodable one", with("X-Signature", "sha256=zz", "X-Signature", good), ""},
		{"good beside an empty one", with("X-Signature", "", "X-Signature", good), ""},
		{"second header", with("X-Signature-2", good), ""},
		{"second header after a wrong one", with("X-Signature", bad, "X-Signature-2", good), ""},
		{"both wrong", with("X-Signature", bad, "X-Signature", bad), verify.BadSignature},
		{"both empty", with("X-Signature", "", "X-Signature-2", " "), verify.MissingSignature},
		{"none", nil, verify.MissingSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hook{header: test.header, body: "body"}.expect(t, v, test.want)
		})
	}
}

func TestSignatureEncodings(t *testing.T) {
	// The digest of this body has both characters in which the alphabets of
	// base64 differ, and needs padding.
	const body = "body 3"
	raw, _ := hex.DecodeString(mac(secret, body))
	standard, urlSafe := base64.StdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw)
	if !strings.Contains(standard, "+") || !strings.Contains(standard, "/") {
		t.Fatalf("%s has no plus sign and slash; choose another body", standard)
	}
	tests := []struct {
		name, encoding, value string
		want                  verify.Reason
	}{
		{"base64", "base64", standard, ""},
		{"base64, the other alphabet", "base64", urlSafe, verify.BadSignature},
		{"base64 without padding", "base64", strings.TrimRight(standard, "="), verify.BadSignature},
		{"base64 with a line break", "base64", standard[:10] + "\n" + standard[10:], verify.BadSignature},
		{"base64 with stray bits", "base64", strayBits(standard), verify.BadSignature},
		{"base64 of the hex digits", "base64", base64.StdEncoding.EncodeToString([]byte(mac(secret, body))), verify.BadSignature},
		{"hex for base64", "base64", mac(secret, body), verify.BadSignature},
		{"base64url", "base64url", strings.TrimRight(urlSafe, "="), ""},
		{"base64url with padding", "base64url", urlSafe, ""},
		{"base64url, the other alphabet", "base64url", standard, verify.BadSignature},
		{"base64url with stray bits", "base64url", strayBits(urlSafe), verify.BadSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := custom(t, `{"name":"x","scheme":"hmac","content":"{body}","signature":{"from":["header.X-Signature"],"encoding":"`+
				test.encoding+`"}}`, &verify.Config{Secrets: []string{secret}})
			hook{header: with("X-Signature", test.value), body: body}.expect(t, v, test.want)
		})
	}
}

// strayBits changes the last character of padded base64 of 32 bytes in bits
// that a lenient decoder ignores.
func strayBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	at := len(text) - 2
	return text[:at] + string(alphabet[strings.IndexByte(alphabet, text[at])|1]) + text[at+1:]
}
