package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// adminFlags say where Caddy's administration endpoint is.
type adminFlags struct{ address, config, adapter string }

func (f *adminFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.address, "address", "", "Address of the administration endpoint (default: as the configuration says, else localhost:2019)")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "Configuration that says where the administration endpoint is")
	cmd.Flags().StringVarP(&f.adapter, "adapter", "a", "", "Adapter of that configuration")
}

// find returns the endpoint's address.
func (f *adminFlags) find() (string, error) {
	var config []byte
	if f.address == "" && f.config != "" {
		var err error
		if config, err = adapt(f.config, f.adapter); err != nil {
			return "", err
		}
	}
	return caddycmd.DetermineAdminAPIAddress(f.address, config, f.config, "")
}

// ask makes a cobra function of one that prints what the endpoint answers.
func (f *adminFlags) ask(print func(io.Writer) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return run(func() (int, error) { return exitCode(print(cmd.OutOrStdout())) })(cmd, args)
	}
}

// call asks for a path of the endpoint, and reads the JSON that is the answer
// where one is wanted.
func (f *adminFlags) call(method, path string, query url.Values, body []byte, answer any) error {
	address, err := f.find()
	if err != nil {
		return err
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	response, err := adminRequest(address, method, path, content)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", address, err)
	}
	return nil
}

// adminRequest asks for a path of the administration endpoint at an address. Its
// errors say in words what is wrong.
func adminRequest(address, method, path string, body io.Reader) (*http.Response, error) {
	response, err := caddycmd.AdminAPIRequest(address, method, path, nil, body)
	if err != nil {
		return nil, inWords(err, address)
	}
	return response, nil
}

// adminError is an answer of the administration endpoint that is an error.
type adminError struct {
	status int
	text   string
}

func (r *adminError) Error() string { return fmt.Sprintf("%s (HTTP %d)", r.text, r.status) }

// inWords makes what Caddy's function says fit for people: it gives the text of
// an HTTP client's error, or the status and body of an answer.
func inWords(err error, address string) error {
	if _, answer, ok := strings.Cut(err.Error(), "caddy responded with error: HTTP "); ok {
		code, body, _ := strings.Cut(answer, ": ")
		status, _ := strconv.Atoi(code)
		var problem struct {
			Error string `json:"error"`
		}
		if json.Unmarshal([]byte(body), &problem) == nil && problem.Error != "" {
			return &adminError{status, problem.Error}
		}
		return &adminError{status, "Caddy at " + address + " has nothing there; is it a build with this module?"}
	}
	if cause, ok := strings.CutPrefix(err.Error(), "performing request: "); ok {
		if _, after, quoted := strings.Cut(cause, "\": "); quoted {
			cause = after
		}
		return fmt.Errorf("cannot reach Caddy's admin endpoint at %s; is Caddy running, is `admin off` set, is its address another (--address)? (%s)", address, cause)
	}
	return err
}
