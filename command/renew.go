package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of an answer with a token.
const maxAnswer = 64 << 10

// fetchToken gets a token as an OAuth client does, and adds it to the
// credentials. It does nothing where no URL was given.
func (s *sender) fetchToken() error {
	if s.renew == "" {
		return nil
	}
	pair, err := value(s.client)
	if err != nil {
		return err
	}
	id, secret, ok := strings.Cut(pair, ":")
	if !ok {
		return errors.New("--renew needs --client ID:SECRET")
	}
	client := &http.Client{Timeout: sendTimeout}
	response, err := client.PostForm(s.renew, url.Values{
		"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret},
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil || answer.Token == "" {
		return fmt.Errorf("%s answered %s, without an access_token; %s", s.renew, response.Status, answer.Error)
	}
	s.credentials.tokens = append(s.credentials.tokens, "Authorization=Bearer "+answer.Token)
	return nil
}
