package data

var hashCommands []Command
