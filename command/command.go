// Package command is the command line "caddy webhooks".
package command

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-webhooks/caddy-webhooks/internal/suggest"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// New returns the command. Its subcommand send takes its payloads from
// samples, which has a folder testdata/<provider> for each provider.
func New(samples fs.FS) caddycmd.Command {
	return caddycmd.Command{
		Name:  "webhooks",
		Short: "Lists providers; sends, verifies, tests, explains, follows and finds webhooks; shows what waits",
		Long:  "Works with the webhook providers that this build of Caddy knows.",
		CobraFunc: func(cmd *cobra.Command) {
			group(cmd)
			cmd.SetHelpTemplate(cmd.HelpTemplate() + "\nDocumentation: " + docs + "\n")
			cmd.AddCommand(strict(providersCommand()), strict(sendCommand(samples)), strict(verifyCommand()),
				strict(testCommand(samples)), strict(explainCommand()), strict(diagnoseCommand()),
				strict(tailCommand()), strict(inspectCommand()), strict(observeCommand()), strict(versionCommand()), strict(importCommand()),
				strict(listenCommand()), eventsCommand(), queueCommand(), deadCommand(), tenantCommand())
		},
	}
}

// docs is where these commands, and the directives, are described.
const docs = "https://github.com/caddy-webhooks/caddy-webhooks#readme"

// The exit codes of the subcommands.
const (
	exitNo    = 1 // it ran, and the answer is no
	exitUsage = 2 // it could not run
)

// credentialFlags are the flags that say how a webhook is authenticated.
type credentialFlags struct{ secrets, tokens, basic []string }

func (f *credentialFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.secrets, "secret", nil, "Key of the provider's own scheme (@FILE reads it from a file)")
	cmd.Flags().StringArrayVar(&f.tokens, "token", nil, "Static token, as [HEADER=]TOKEN (@FILE reads it from a file)")
	cmd.Flags().StringArrayVar(&f.basic, "basic", nil, "Basic credentials, as USER:PASSWORD (@FILE reads them from a file)")
}

// config returns the configuration of an endpoint that expects the flags'
// credentials, or none.
func (f *credentialFlags) config(provider string) (*verify.Config, error) {
	config := &verify.Config{Provider: provider}
	for _, text := range f.secrets {
		secret, err := value(text)
		if err != nil {
			return nil, err
		}
		config.Secrets = append(config.Secrets, secret)
	}
	for _, text := range f.tokens {
		if err := addToken(config, text); err != nil {
			return nil, err
		}
	}
	for _, text := range f.basic {
		pair, err := value(text)
		if err != nil {
			return nil, err
		}
		user, password, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, errors.New("--basic needs USER:PASSWORD")
		}
		config.Basic = append(config.Basic, verify.Account{Username: user, Password: password})
	}
	config.Unverified = len(f.secrets)+len(f.tokens)+len(f.basic) == 0
	return config, nil
}

// addToken reads [HEADER=]TOKEN. A header's name has no character that a
// padded base64 token could have before its equals sign, save letters, digits
// and hyphens; such a token needs its header named.
func addToken(config *verify.Config, text string) error {
	header, rest, named := strings.Cut(text, "=")
	if !named || !isHeaderName(header) || strings.Trim(rest, "=") == "" {
		token, err := value(text)
		config.Tokens = append(config.Tokens, token)
		return err
	}
	token, err := value(rest)
	header = http.CanonicalHeaderKey(header)
	for i := range config.TokenHeaders {
		if config.TokenHeaders[i].Name == header {
			config.TokenHeaders[i].Values = append(config.TokenHeaders[i].Values, token)
			return err
		}
	}
	config.TokenHeaders = append(config.TokenHeaders, verify.TokenHeader{Name: header, Values: []string{token}})
	return err
}

func isHeaderName(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// value returns the text itself, or the content of the file that it names
// after an at sign, without a final line break.
func value(text string) (string, error) {
	name, fromFile := strings.CutPrefix(text, "@")
	if !fromFile {
		return text, nil
	}
	content, err := os.ReadFile(name)
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), err
}

// errNo makes the process exit with exitNo; what there is to say was printed.
var errNo = errors.New("no")

// run makes a cobra function of one that returns an exit code.
func run(f func() (int, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		code, err := f()
		if code == exitNo && err == nil {
			cmd.SilenceErrors = true
			return errNo
		}
		return exit(cmd, code, err)
	}
}

// exit turns an exit code into the error that makes Caddy's main function use
// it.
func exit(cmd *cobra.Command, code int, err error) error {
	f := func(caddycmd.Flags) (int, error) { return code, err }
	return caddycmd.WrapCommandFuncForCobra(f)(cmd, nil)
}

// strict makes wrong flags and arguments exit with exitUsage.
func strict(cmd *cobra.Command) *cobra.Command {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit(cmd, exitUsage, err) })
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return exit(cmd, exitUsage, err)
		}
		return nil
	}
	return cmd
}

// group makes a command that only has subcommands print its help, and take
// anything else for a mistake.
func group(cmd *cobra.Command) *cobra.Command {
	unknown := func(cmd *cobra.Command, name string) error {
		var known []string
		for _, sub := range cmd.Commands() {
			known = append(append(known, sub.Name()), sub.Aliases...)
		}
		return exit(cmd, exitUsage, fmt.Errorf("unknown command %q for %q%s", name, cmd.CommandPath(), suggest.DidYouMean(name, known)))
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args[0])
		}
		return nil
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if args := cmd.Flags().Args(); len(args) > 0 && cmd.HasSubCommands() {
			return unknown(cmd, args[0]) // whose flag is unknown, too
		}
		return exit(cmd, exitUsage, err)
	})
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}
