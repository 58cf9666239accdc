import Redis from "ioredis";

// Create separate connections for pub and sub
// Subscriber connections enter a special mode and cannot run other commands
const publisher = new Redis();
const subscriber = new Redis();

interface Message {
  type: string;
  data: unknown;
  timestamp: number;
}

async function pubSubExample(): Promise<void> {
  const channel = "notifications";

  // Set up the subscriber
  subscriber.subscribe(channel, (err, count) => {
    if (err) {
      console.error("Failed to subscribe:", err);
      return;
    }
    console.log(`Subscribed to ${count} channel(s)`);
  });

  // Handle incoming messages
  subscriber.on("message", (channel, message) => {
    const parsed: Message = JSON.parse(message);
    console.log(`Received on ${channel}:`, parsed);
  });

  // Give subscriber time to connect
  await new Promise((resolve) => setTimeout(resolve, 100));

  // Publish messages
  const message1: Message = {
    type: "alert",
    data: { severity: "high", service: "api" },
    timestamp: Date.now(),
  };

  const message2: Message = {
    type: "update",
    data: { userId: 123, action: "login" },
    timestamp: Date.now(),
  };

  await publisher.publish(channel, JSON.stringify(message1));
  await publisher.publish(channel, JSON.stringify(message2));

  console.log("Messages published");
}

// Pattern-based subscription for multiple channels
async function patternSubscription(): Promise<void> {
  const patternSubscriber = new Redis();

  // Subscribe to all channels matching a pattern
  patternSubscriber.psubscribe("events:*", (err, count) => {
    if (err) {
      console.error("Failed to psubscribe:", err);
      return;
    }
    console.log(`Pattern subscribed to ${count} pattern(s)`);
  });

  // Handle pattern messages
  patternSubscriber.on("pmessage", (pattern, channel, message) => {
    console.log(`Pattern: ${pattern}, Channel: ${channel}, Message: ${message}`);
  });

  await new Promise((resolve) => setTimeout(resolve, 100));

  // Publish to different event channels
  await publisher.publish("events:user", JSON.stringify({ action: "signup" }));
  await publisher.publish("events:order", JSON.stringify({ orderId: 456 }));
  await publisher.publish("events:system", JSON.stringify({ status: "healthy" }));
}

pubSubExample();
