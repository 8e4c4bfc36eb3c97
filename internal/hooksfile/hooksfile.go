// Package hooksfile reads the hooks of adnanh/webhook, in JSON or YAML, and writes a
// Caddyfile that lets through what they let through, and nothing else. A rule that has no
// equivalent closes its hook, with a comment.
package hooksfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// Hook is one entry of the file, as far as it decides who is let through. What webhook does
// afterwards is read, too, so that an unknown word is noticed.
type Hook struct {
	ID         string   `json:"id" yaml:"id"`
	Command    string   `json:"execute-command" yaml:"execute-command"`
	Rule       *Rule    `json:"trigger-rule" yaml:"trigger-rule"`
	Mismatch   int      `json:"trigger-rule-mismatch-http-response-code" yaml:"trigger-rule-mismatch-http-response-code"`
	SoftErrors bool     `json:"trigger-signature-soft-failures" yaml:"trigger-signature-soft-failures"`
	Methods    []string `json:"http-methods" yaml:"http-methods"`
	AsJSON     []Place  `json:"parse-parameters-as-json" yaml:"parse-parameters-as-json"`
	MediaType  string   `json:"incoming-payload-content-type" yaml:"incoming-payload-content-type"`

	Folder        any `json:"command-working-directory" yaml:"command-working-directory"`
	Message       any `json:"response-message" yaml:"response-message"`
	Headers       any `json:"response-headers" yaml:"response-headers"`
	Success       any `json:"success-http-response-code" yaml:"success-http-response-code"`
	Output        any `json:"include-command-output-in-response" yaml:"include-command-output-in-response"`
	OutputOnError any `json:"include-command-output-in-response-on-error" yaml:"include-command-output-in-response-on-error"`
	Arguments     any `json:"pass-arguments-to-command" yaml:"pass-arguments-to-command"`
	Environment   any `json:"pass-environment-to-command" yaml:"pass-environment-to-command"`
	Files         any `json:"pass-file-to-command" yaml:"pass-file-to-command"`
	Before        any `json:"pre-hook-command" yaml:"pre-hook-command"`
}

// Rule says when a hook is triggered. One of its fields is set; of several, the first
// counts. Lists are pointers, because an empty one is not the same as none.
type Rule struct {
	And   *[]Rule `json:"and" yaml:"and"`
	Or    *[]Rule `json:"or" yaml:"or"`
	Not   *Rule   `json:"not" yaml:"not"`
	Match *Match  `json:"match" yaml:"match"`
}

// Match compares one value of the request.
type Match struct {
	Type      string `json:"type" yaml:"type"`
	Regex     string `json:"regex" yaml:"regex"`
	Secret    string `json:"secret" yaml:"secret"`
	Value     string `json:"value" yaml:"value"`
	Parameter Place  `json:"parameter" yaml:"parameter"`
	Range     string `json:"ip-range" yaml:"ip-range"`
}

// Place is where a value is in a request.
type Place struct {
	Source        string   `json:"source" yaml:"source"`
	Name          string   `json:"name" yaml:"name"`
	Variable      string   `json:"envname" yaml:"envname"`
	Base64        bool     `json:"base64decode" yaml:"base64decode"`
	SignedHeaders []string `json:"headers-to-add-to-signature-payload" yaml:"headers-to-add-to-signature-payload"`
}

// Read reads a file of hooks. A word that is not known is an error: it may be a rule that
// was mistyped, and that nobody would keep to.
func Read(content []byte) ([]Hook, error) {
	if bytes.Contains(content, []byte("{{")) {
		return nil, errors.New("the file is a template; have it filled in first, and import the result")
	}
	var hooks []Hook
	var err error
	if trimmed := bytes.TrimSpace(content); bytes.HasPrefix(trimmed, []byte("[")) {
		decoder := json.NewDecoder(bytes.NewReader(trimmed))
		decoder.DisallowUnknownFields()
		if err = decoder.Decode(&hooks); err == nil && decoder.More() {
			err = errors.New("something stands behind the list of hooks")
		}
	} else {
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		decoder.KnownFields(true)
		err = decoder.Decode(&hooks)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(hooks) == 0 {
		return nil, errors.New("the file has no hooks")
	}
	seen := make(map[string]bool)
	for i := range hooks {
		switch id := hooks[i].ID; {
		case id == "":
			return nil, fmt.Errorf("hook %d has no id", i+1)
		case seen[id]:
			return nil, fmt.Errorf("two hooks have the id %q", id)
		default:
			seen[id] = true
		}
	}
	return hooks, nil
}
