package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Processes are what a test binary does in place of its tests, by the
// environment variable that tells it to and has what it is told.
type Processes map[string]func(told string) error

// Main is for TestMain. It does what the environment tells, or runs the tests.
func (p Processes) Main(m *testing.M) {
	for variable, run := range p {
		told := os.Getenv(variable)
		if told == "" {
			continue
		}
		if err := run(told); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Command is the test binary as another process.
func Command(variable, told string) *exec.Cmd {
	child := exec.Command(os.Args[0]) //nolint:gosec // it is this very program
	child.Env = append(os.Environ(), variable+"="+told)
	return child
}
