import Redis from "ioredis";
import { randomBytes } from "crypto";

const redis = new Redis();

interface SessionData {
  userId: string;
  email: string;
  role: string;
  createdAt: number;
  lastAccess: number;
}

class SessionStore {
  private prefix = "session:";
  private ttl = 3600; // 1 hour in seconds

  // Generate a unique session ID
  generateSessionId(): string {
    return randomBytes(32).toString("hex");
  }

  // Create a new session
  async createSession(userId: string, userData: Partial<SessionData>): Promise<string> {
    const sessionId = this.generateSessionId();
    const sessionKey = `${this.prefix}${sessionId}`;

    const sessionData: SessionData = {
      userId,
      email: userData.email || "",
      role: userData.role || "user",
      createdAt: Date.now(),
      lastAccess: Date.now(),
    };

    // Store session with expiration
    await redis.hmset(sessionKey, sessionData as unknown as Record<string, string>);
    await redis.expire(sessionKey, this.ttl);

    // Track active sessions for user
    await redis.sadd(`user:${userId}:sessions`, sessionId);

    return sessionId;
  }

  // Get session data
  async getSession(sessionId: string): Promise<SessionData | null> {
    const sessionKey = `${this.prefix}${sessionId}`;
    const data = await redis.hgetall(sessionKey);

    if (Object.keys(data).length === 0) {
      return null;
    }

    // Update last access time and refresh TTL
    await redis.hset(sessionKey, "lastAccess", Date.now().toString());
    await redis.expire(sessionKey, this.ttl);

    return {
      userId: data.userId,
      email: data.email,
      role: data.role,
      createdAt: parseInt(data.createdAt),
      lastAccess: parseInt(data.lastAccess),
    };
  }

  // Update session data
  async updateSession(sessionId: string, updates: Partial<SessionData>): Promise<boolean> {
    const sessionKey = `${this.prefix}${sessionId}`;
    const exists = await redis.exists(sessionKey);

    if (!exists) {
      return false;
    }

    await redis.hmset(sessionKey, updates as unknown as Record<string, string>);
    await redis.expire(sessionKey, this.ttl);
    return true;
  }

  // Destroy a session
  async destroySession(sessionId: string): Promise<void> {
    const sessionKey = `${this.prefix}${sessionId}`;
    const session = await this.getSession(sessionId);

    if (session) {
      await redis.srem(`user:${session.userId}:sessions`, sessionId);
    }

    await redis.del(sessionKey);
  }

  // Destroy all sessions for a user
  async destroyAllUserSessions(userId: string): Promise<void> {
    const sessionIds = await redis.smembers(`user:${userId}:sessions`);

    if (sessionIds.length > 0) {
      const pipeline = redis.pipeline();

      for (const sessionId of sessionIds) {
        pipeline.del(`${this.prefix}${sessionId}`);
      }

      pipeline.del(`user:${userId}:sessions`);
      await pipeline.exec();
    }
  }
}

// Usage example
async function sessionExample(): Promise<void> {
  const store = new SessionStore();

  // Create a session
  const sessionId = await store.createSession("user123", {
    email: "user@example.com",
    role: "admin",
  });
  console.log("Created session:", sessionId);

  // Get session
  const session = await store.getSession(sessionId);
  console.log("Session data:", session);

  // Update session
  await store.updateSession(sessionId, { role: "superadmin" });

  // Destroy session
  await store.destroySession(sessionId);
  console.log("Session destroyed");
}

sessionExample();
