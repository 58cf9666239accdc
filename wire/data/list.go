package data

var listCommands []Command
