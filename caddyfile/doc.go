// Package caddyfile turns Caddyfile tokens into the configuration of packages
// verify and route. Errors name the file, the line, what was wrong and what to
// write instead; expressions are compiled here so that a mistake in one is
// found while a configuration is adapted.
package caddyfile
