// Package samples reads stored webhooks of providers, and knows the names that
// stand in their payloads.
package samples

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Sample is a webhook without credentials.
type Sample struct {
	Header http.Header
	Body   []byte
}

// contentTypes are those of payload files, by the ends of their names.
var contentTypes = map[string]string{
	".json": "application/json",
	".form": "application/x-www-form-urlencoded",
	".txt":  "text/plain",
	".xml":  "application/xml",
}

// Read returns the samples of a provider out of the folder testdata/<provider>,
// the one to show first.
func Read(files fs.FS, provider string) ([]*Sample, error) {
	folder := path.Join("testdata", provider)
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	var found []*Sample
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), ".md") {
			continue
		}
		content, err := fs.ReadFile(files, path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		parsed, err := Parse(entry.Name(), content)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(entry.Name(), "sample.") {
			found = slices.Insert(found, 0, parsed)
		} else {
			found = append(found, parsed)
		}
	}
	return found, nil
}

// Parse reads a payload, or a whole HTTP request in a file that ends in .http, of
// which the headers and the body are taken.
func Parse(name string, content []byte) (*Sample, error) {
	if path.Ext(name) != ".http" {
		contentType, known := contentTypes[path.Ext(name)]
		if !known {
			contentType = "application/octet-stream"
		}
		return &Sample{Header: http.Header{"Content-Type": {contentType}}, Body: content}, nil
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(content)))
	if err != nil {
		return nil, fmt.Errorf("%s is not an HTTP request: %w", name, err)
	}
	body, err := io.ReadAll(request.Body)
	return &Sample{Header: request.Header, Body: body}, err
}
