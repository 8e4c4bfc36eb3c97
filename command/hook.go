package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hook is a test case: a request, and what is expected of it. A file has a
// request line and headers, an empty line, a body or the word sample, a line
// of three dashes, and expectations:
//
//	# What the case is about.
//	POST /instaleap
//	@at 2026-01-31T12:00:00Z
//
//	sample instaleap event CANCELLED
//	---
//	outcome accepted
//	upstream refunds:8080
//	that body.total == 403.97
type hook struct {
	name   string
	folder string
	method string
	target string
	header http.Header
	at     time.Time      // zero: the time of the run
	from   string         // the sender's address
	claims map[string]any // further ones of the sample's token
	body   []byte
	sample *hookSample // nil: body is the body
	wants  []want
}

// hookSample is the line "sample <provider> [event E] [file F] [tampered] [unsigned]".
type hookSample struct {
	provider, event, file string
	tampered, unsigned    bool
}

// want is one expectation.
type want struct {
	line  int
	name  string
	value string
}

// wantNames are what can be expected.
var wantNames = map[string]bool{
	"outcome": true, "status": true, "route": true, "upstream": true, "uri": true, "method": true,
	"header": true, "that": true,
}

func readHook(file string) (*hook, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	h := &hook{
		name:   strings.TrimSuffix(filepath.Base(file), ".hook"),
		folder: filepath.Dir(file),
		header: make(http.Header),
	}
	if err := h.parse(content); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return h, nil
}

func (h *hook) parse(content []byte) error {
	if bytes.Contains(content, []byte("\r\n---\r\n")) {
		content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")) // an editor's line ends
	}
	request, wants, ok := bytes.Cut(content, []byte("\n---\n"))
	if !ok {
		return errors.New("a line of three dashes must stand between the request and what is expected")
	}
	head, body, ok := bytes.Cut(request, []byte("\n\n"))
	if !ok {
		return errors.New("an empty line must stand between the head of the request and its body, or the word sample")
	}
	if err := h.parseHead(string(head)); err != nil {
		return err
	}
	h.body = body
	if line, ok := strings.CutPrefix(string(bytes.TrimSpace(body)), "sample "); ok && !strings.Contains(line, "\n") {
		if err := h.parseSample(strings.Fields(line)); err != nil {
			return err
		}
	}
	return h.parseWants(string(wants), 2+bytes.Count(request, []byte("\n")))
}

func (h *hook) parseHead(head string) error {
	for line := range strings.SplitSeq(head, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case h.method == "":
			fields := strings.Fields(line)
			if len(fields) < 2 || !strings.HasPrefix(fields[1], "/") && !strings.Contains(fields[1], "://") {
				return fmt.Errorf("%q is not a request line such as POST /path", line)
			}
			h.method, h.target = fields[0], fields[1]
			if _, err := http.ReadRequest(bufio.NewReader(strings.NewReader(h.method + " " + h.target + " HTTP/1.0\r\n\r\n"))); err != nil {
				return fmt.Errorf("%q is not a request line: %w", line, err)
			}
		case strings.HasPrefix(line, "@"):
			if err := h.parseSetting(line[1:]); err != nil {
				return err
			}
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return fmt.Errorf("%q is not a header", line)
			}
			h.header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	if h.method == "" {
		return errors.New("there is no request line such as POST /path")
	}
	return nil
}

// parseSetting reads "@at <time>", "@from <address>" or "@claims <JSON>".
func (h *hook) parseSetting(line string) error {
	name, value, _ := strings.Cut(line, " ")
	value = strings.TrimSpace(value)
	switch name {
	case "at":
		at, err := time.Parse(time.RFC3339, value)
		h.at = at
		return err
	case "from":
		_, err := netip.ParseAddr(value)
		h.from = value
		return err
	case "claims":
		if err := json.Unmarshal([]byte(value), &h.claims); err != nil || h.claims == nil {
			return fmt.Errorf("@claims needs a JSON object, not %s", value)
		}
		return nil
	default:
		return fmt.Errorf("unknown setting @%s; it can be @at, @from or @claims", name)
	}
}

func (h *hook) parseSample(words []string) error {
	h.sample = new(hookSample)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case i == 0:
			h.sample.provider = word
		case word == "tampered":
			h.sample.tampered = true
		case word == "unsigned":
			h.sample.unsigned = true
		case (word == "event" || word == "file") && i+1 < len(words):
			i++
			if word == "event" {
				h.sample.event = words[i]
			} else {
				h.sample.file = filepath.Join(h.folder, words[i])
			}
		default:
			return fmt.Errorf("sample: unexpected %q; write sample <provider> [event E] [file F] [tampered] [unsigned]", word)
		}
	}
	return nil
}

func (h *hook) parseWants(text string, line int) error {
	for entry := range strings.SplitSeq(text, "\n") {
		line++
		entry = strings.TrimSpace(entry)
		if entry == "" || strings.HasPrefix(entry, "#") {
			continue
		}
		name, value, _ := strings.Cut(entry, " ")
		if !wantNames[name] {
			return fmt.Errorf("line %d: unknown expectation %q; it can be outcome, status, route, upstream, uri, method, header or that", line, name)
		}
		h.wants = append(h.wants, want{line, name, strings.TrimSpace(value)})
	}
	if len(h.wants) == 0 {
		return errors.New("nothing is expected, so nothing could fail")
	}
	return nil
}
